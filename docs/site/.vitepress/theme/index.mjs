// VitePress's theme in the dashboard's colours, without fonts that it would fetch for what every machine has.
import Theme from 'vitepress/theme-without-fonts'
import './style.css'

export default Theme
